/// Whether two texts are the same bytes; unlike `==`, which also equates different spellings of one character.
///
/// Not constant-time: for names and ids, not for secrets.
package func equalBytes(_ left: String, _ right: String) -> Bool {
    // Texts of the same bytes are equal to `==` as well, and it is quick to tell most others apart.
    left.utf8.count == right.utf8.count && left == right && left.utf8.elementsEqual(right.utf8)
}
