import FoundationEssentials
import Glibc

/// Why a replica could not be started.
struct LaunchFailure: Error, Hashable {
    var message: String
    /// Whether the same attempt may succeed later: the host was short of processes, memory or descriptors.
    var isTemporary: Bool

    init(_ what: String, errno code: CInt) {
        message = "\(what): \(String(cString: strerror(code)))"
        isTemporary = [EAGAIN, ENOMEM, EMFILE, ENFILE].contains(code)
    }
}

/// Starts a program as the leader of a new session: no terminal, signal or end of the agent reaches it.
///
/// It gets default signals, nothing on its standard input, the log as both outputs, and no other descriptor of ours.
/// - Returns: once the program itself runs, not merely a copy of the agent.
func launch(command: [String], environment: [String], logPath: String) throws(LaunchFailure) -> LeaderProcess {
    let log = open(logPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
    guard log >= 0 else { throw LaunchFailure("cannot open \(logPath)", errno: errno) }
    defer { close(log) }

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, log, 1)
    posix_spawn_file_actions_adddup2(&actions, log, 2)
    for descriptor in inheritableDescriptors() { posix_spawn_file_actions_addclose(&actions, descriptor) }

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    let flags = setSessionFlag | Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
    posix_spawnattr_setflags(&attributes, Int16(flags))

    var pid: pid_t = 0
    let program = command.first ?? ""
    let code = withCStrings(command) { arguments in
        withCStrings(environment) { posix_spawnp(&pid, program, &actions, &attributes, arguments, $0) }
    }
    guard code == 0 else { throw LaunchFailure("cannot run \(program)", errno: code) }
    // Ours to reap, so the entry is there even if the program has ended already.
    guard let stat = ProcessTable.stat(pid) else { throw LaunchFailure("cannot find process \(pid)", errno: ESRCH) }
    return LeaderProcess(pid: pid, startTicks: stat.startTicks)
}

/// `POSIX_SPAWN_SETSID`, which glibc's headers hide from Swift.
private let setSessionFlag: Int32 = 0x80

/// Descriptors that a program we start would get from us. All that we open ourselves are closed by exec; these are what
/// the agent was given by its own parent.
private func inheritableDescriptors() -> [CInt] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return names.compactMap { CInt($0) }.filter { descriptor in
        guard descriptor > 2 else { return false }
        let flags = fcntl(descriptor, F_GETFD)
        return flags >= 0 && flags & FD_CLOEXEC == 0
    }
}

/// The strings as C expects them: each ended by NUL, the list ended by a null pointer.
private func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
    defer { pointers.forEach { free($0) } }
    return pointers.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { preconditionFailure("the list holds at least the null pointer") }
        return body(base)
    }
}

/// Whether nobody listens on a TCP port of this host, on any IPv4 address or on all of IPv6.
func isPortFree(_ port: Int) -> Bool {
    let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard probe >= 0 else { return true }
    defer { close(probe) }
    // Lets us ignore connections that only linger after their server is gone; a listener still refuses.
    var yes: CInt = 1
    setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout.size(ofValue: yes)))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(clamping: port)).bigEndian
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(probe, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 || errno != EADDRINUSE
        }
    }
}
