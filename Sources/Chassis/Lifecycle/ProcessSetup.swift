import Glibc

/// What a process sets for itself before it does anything else.
enum ProcessSetup {
    /// Keeps a write to a closed connection from ending the process, and allows as many descriptors as the
    /// system does.
    static func prepare() {
        signal(SIGPIPE, SIG_IGN)
        var limit = rlimit()
        if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            limit.rlim_cur = limit.rlim_max
            unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        }
    }

    /// Keeps keys out of core files and of debuggers of the same user; for services that hold keys.
    static func forbidCoreFiles() {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        // prctl takes a variable number of arguments, which Swift does not import; its five-argument form
        // is looked up.
        typealias Control =
            @convention(c) (CInt, CUnsignedLong, CUnsignedLong, CUnsignedLong, CUnsignedLong) -> CInt
        if let symbol = unsafe dlsym(nil, "prctl") {
            let control = unsafe unsafeBitCast(symbol, to: Control.self)
            _ = control(Self.setDumpable, 0, 0, 0, 0)
        }
    }

    /// Has the kernel end the process after so long, should anything keep it from ending by itself; nil
    /// calls it off.
    static func endIfStuck(after time: Duration?) {
        alarm(UInt32(clamping: time.map { $0.components.seconds + 1 } ?? 0))
    }

    /// `PR_SET_DUMPABLE` of `linux/prctl.h`.
    private static let setDumpable: CInt = 4
}
