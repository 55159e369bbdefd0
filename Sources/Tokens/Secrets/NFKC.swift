import CUTF8Proc
import Glibc

/// The text in Normalization Form KC (Unicode Standard Annex 15), as UTF-8.
///
/// Swift's standard library has no such form. Nil when there is not the memory.
func compatibilityComposed(_ text: String) -> [UInt8]? {
    let utf8 = Array(text.utf8)
    if utf8.allSatisfy({ $0 < 0x80 }) { return utf8 }
    let options = utf8proc_option_t(
        rawValue: UTF8PROC_STABLE.rawValue | UTF8PROC_COMPOSE.rawValue | UTF8PROC_COMPAT.rawValue
    )
    var result: UnsafeMutablePointer<UInt8>?
    // `utf8` is borrowed for the call with its own count, so a NUL inside is a character like any other. The
    // result is a block from malloc of at least `count` bytes that is ours to free.
    let count = unsafe utf8proc_map(utf8, utf8.count, &result, options)
    defer { unsafe free(result) }
    guard count >= 0, let result = unsafe result else { return nil }
    return unsafe Array(UnsafeBufferPointer(start: result, count: count))
}
