/// The arrays libpq wants a statement's parameters in, kept from one statement to the next.
@safe
final class ArgumentBuffers {
    private var capacity = 16
    private var values: UnsafeMutablePointer<UnsafePointer<CChar>?>
    private var lengths: UnsafeMutablePointer<Int32>
    private var formats: UnsafeMutablePointer<Int32>

    init() {
        unsafe values = .allocate(capacity: capacity)
        unsafe lengths = .allocate(capacity: capacity)
        unsafe formats = .allocate(capacity: capacity)
        unsafe formats.initialize(repeating: 1, count: capacity)
    }

    deinit {
        unsafe values.deallocate()
        unsafe lengths.deallocate()
        unsafe formats.deallocate()
    }

    /// Calls `body` with pointers into the call's own bytes, which are valid until it returns; all are binary.
    func withArguments<Value>(
        of call: StatementCall,
        _ body: (
            Int32, UnsafePointer<UnsafePointer<CChar>?>, UnsafePointer<Int32>, UnsafePointer<Int32>
        ) -> Value
    ) -> Value {
        let count = call.text.types.count
        if count > capacity { grow(to: count) }
        return unsafe call.parameters.withUnsafeBytes { bytes in
            var offset = 0
            for index in 0..<count {
                let length = unsafe Int32(
                    bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self)
                )
                offset += 4
                // A length of -1 is NULL; an empty value still needs an address.
                unsafe values[index] =
                    length < 0
                    ? nil : unsafe bytes.baseAddress?.advanced(by: offset).assumingMemoryBound(to: CChar.self)
                unsafe lengths[index] = max(0, length)
                offset += Int(max(0, length))
            }
            return unsafe body(Int32(count), values, lengths, formats)
        }
    }

    private func grow(to count: Int) {
        unsafe values.deallocate()
        unsafe lengths.deallocate()
        unsafe formats.deallocate()
        capacity = count
        unsafe values = .allocate(capacity: capacity)
        unsafe lengths = .allocate(capacity: capacity)
        unsafe formats = .allocate(capacity: capacity)
        unsafe formats.initialize(repeating: 1, count: capacity)
    }
}
