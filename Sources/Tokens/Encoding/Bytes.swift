/// Whether two texts are the same bytes; unlike `==`, which also equates different spellings of one character.
///
/// Not constant-time: for names and ids, not for secrets.
package func equalBytes(_ left: String, _ right: String) -> Bool {
    let (left, right) = (left.utf8, right.utf8)
    return left.count == right.count && left.elementsEqual(right)
}
