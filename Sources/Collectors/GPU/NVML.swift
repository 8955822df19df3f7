import CNVML
import Fleet

/// Reads GPUs through NVML, on the calling thread and for as long as the driver takes.
///
/// The library is opened and initialised by the first reading and kept. It is opened anew when the driver was unloaded,
/// which finds the new file after an update too, and from time to time while a GPU is lost, which is how one comes back
/// after a reset.
struct NVML {
    enum Answer: Sendable {
        case read(GPUReading)
        /// There is no such library, but AMD's driver.
        case amd(GPUReading)
        /// There is neither.
        case absent
        /// It did not return in time.
        case overdue
        /// It has not returned from an earlier call.
        case stuck
        case failed(String)
    }

    private let open: @Sendable () -> cnvml?
    private var session: NVMLSession?
    private var xids = XidCounts()
    /// As many GPUs as there ever were.
    private var most = 0
    /// While one of them is lost.
    private var reopening = BackOff()

    /// - Parameter open: a library with at least `start`, `count` and `device`; `nil` when there is none.
    init(open: @escaping @Sendable () -> cnvml?) { self.open = open }

    /// The installed library: as the system knows it, then where containers and other distributions put it.
    @Sendable static func installed() -> cnvml? {
        opened(
            "libnvidia-ml.so.1", "/usr/local/nvidia/lib64/libnvidia-ml.so.1",
            "/run/opengl-driver/lib/libnvidia-ml.so.1", "/usr/lib/wsl/lib/libnvidia-ml.so.1")
    }

    /// The first of these that is an NVML.
    static func opened(_ paths: String...) -> cnvml? {
        for path in paths {
            let library = cnvml_open(path)
            if library.start != nil, library.count != nil, library.device != nil { return library }
            cnvml_close(library)
        }
        return nil
    }

    mutating func read(now: Timestamp) -> Answer {
        do throws(NVMLFailure) {
            if session == nil {
                guard let library = open() else { return .absent }
                session = try NVMLSession(library, watching: &xids)
            }
            let gpus = try session?.read(counting: &xids) ?? []
            most = max(most, gpus.count)
            if gpus.count == most, gpus.allSatisfy({ $0.fault == nil }) {
                reopening.succeeded()
            } else if reopening.allows(now) {
                reopening.failed(at: now)
                close()
            }
            let none = GPUDriverError(.noDevices, "NVML: no devices were found")
            return .read(GPUReading(gpus: gpus, error: gpus.isEmpty ? none : nil))
        } catch {
            close()
            return .read(GPUReading(error: GPUDriverError(error.kind, "NVML: " + error.text)))
        }
    }

    private mutating func close() {
        session?.close()
        session = nil
    }
}

/// An answer of NVML that is not 0.
struct NVMLFailure: Error {
    var code: Int32
    var text: String

    init(_ code: Int32, _ library: cnvml) {
        self.code = code
        text = library.error_text?(code).map { String(cString: $0) } ?? "error \(code)"
    }

    var kind: GPUDriverError.Kind {
        switch code {
        case 1, 9: .driverNotLoaded
        case 4, 17: .noPermission
        case 6, 28: .noDevices
        case 12: .libraryMissing
        case 15, 16: .gpuLost
        case 18: .libraryMismatch
        default: .nvmlFailed
        }
    }

    /// The driver is no longer the one that the session began with.
    var endsSession: Bool { kind == .driverNotLoaded || kind == .libraryMismatch }

    /// The GPU cannot be read, which is more than not having what was asked for.
    var isFault: Bool { kind == .gpuLost || code == 999 }
}

/// How often each Xid came, by GPU.
struct XidCounts {
    /// Those that operators have rules for, the hardware's and the applications'; they count from 0 on.
    static let known = [48, 62, 64, 74, 79, 94, 95, 119, 120, 13, 31, 43]

    private var counts: [String: [Int: Int]] = [:]

    mutating func watch(_ gpu: String) {
        if counts[gpu] == nil { counts[gpu] = Dictionary(uniqueKeysWithValues: Self.known.map { ($0, 0) }) }
    }

    mutating func add(_ xid: Int, of gpu: String) { counts[gpu]?[xid, default: 0] += 1 }

    /// `nil` for a GPU that is not watched.
    subscript(gpu: String) -> [Int: Int]? { counts[gpu] }
}
