import Config
import Fleet
import Foundation
import Gateway
import Logging

/// What this program takes from the process that it runs in.
enum Surroundings {
    static var environment: [String: String] { ProcessInfo.processInfo.environment }

    static func now() -> Timestamp { Timestamp(secondsSince1970: Date().timeIntervalSince1970) }

    /// The names in a gateway's file of keys.
    static func keyNames(_ path: String) throws(UnreadableFile) -> Set<String> {
        do throws(KeyRing.Problem) { return try KeyRing(path: path).names } catch {
            throw UnreadableFile(reason: "\(error)")
        }
    }

    /// The folder of this executable, where `vllm-sim` lies beside it.
    static var executableFolder: String {
        let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return URL(filePath: link ?? CommandLine.arguments.first ?? ".").deletingLastPathComponent().path
    }

    /// The bytes of a file, or of standard input for `-`.
    ///
    /// - Parameter limit: the most bytes; the default is more than an engine or a driver says.
    static func read(_ path: String, limit: Int = 16 << 20) throws(StartError) -> [UInt8] {
        let bytes: Data
        do {
            let file = path == "-" ? FileHandle.standardInput : try FileHandle(forReadingFrom: URL(filePath: path))
            bytes = try file.read(upToCount: limit + 1) ?? Data()
        } catch {
            throw StartError(reason(error))
        }
        guard bytes.count <= limit else { throw StartError("expected at most \(limit >> 20) MiB, found more") }
        return [UInt8](bytes)
    }

    /// Writes a whole file: in one move where it is a plain one or not there yet, also through links. A device or a
    /// pipe is written to, and so is a file in a folder that takes no new ones.
    static func write(_ bytes: [UInt8], to path: String) throws(StartError) {
        let target = OutputFiles.resolved(path)
        do {
            if OutputFiles.isReplaceable(path), access(OutputFiles.folder(of: target), W_OK) == 0 {
                return try Data(bytes).write(to: URL(filePath: target), options: .atomic)
            }
            // Without waiting: a pipe that nobody reads is an error.
            let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0o666)
            guard descriptor >= 0 else { throw StartError("\(path): \(String(cString: strerror(errno)))") }
            _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
            let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            try file.write(contentsOf: Data(bytes))
        } catch let error as StartError {
            throw error
        } catch {
            throw StartError("\(path): \(reason(error))")
        }
    }

    /// What the system said, without Foundation's wrapping.
    private static func reason(_ error: any Error) -> String {
        let outer = error as NSError
        let inner = (outer.userInfo[NSUnderlyingErrorKey] as? any Error).map { $0 as NSError } ?? outer
        return inner.domain == NSPOSIXErrorDomain
            ? String(cString: strerror(Int32(inner.code))) : error.localizedDescription
    }

    static func printError(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }

    static func logger(level: Logger.Level) -> Logger {
        var logger = Logger(label: "scale-agent") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = level
        return logger
    }

    /// Prints a value as JSON with sorted keys.
    static func printJSON(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        // Demand on no replica at all is an infinite load.
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}
