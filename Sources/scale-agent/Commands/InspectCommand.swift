import ArgumentParser
import Collectors
import Exposition
import Fleet
import Foundation
import Transport

struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Prints as JSON what was understood of an engine, of the GPUs or of any metrics.",
        subcommands: [Engine.self, GPU.self, Metrics.self])

    struct Engine: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Reads an engine once, whichever it is: \(EngineProfile.all.map(\.engine).joined(separator: ", ")).",
            discussion:
                "A signal that the engine does not export is absent, never 0. Exit status 1 when nothing could be read."
        )

        @Argument(
            help:
                "A URL such as http://127.0.0.1:8000 (with a path where the metrics are somewhere else), a file, or - for standard input."
        )
        var source: String

        @Option(help: "Seconds to wait for an answer.")
        var timeout = 10.0

        func validate() throws {
            guard timeout > 0, timeout <= 600 else {
                throw ValidationError("--timeout must be above 0 and at most 600 seconds.")
            }
        }

        func run() async throws {
            do {
                try Surroundings.printJSON(EngineInspection(try await sample()))
            } catch let error as CollectorError {
                Surroundings.printError("\(error)")
                throw ExitCode.unreachable
            } catch {
                Surroundings.printError("\(source): \(error)")
                throw ExitCode.unreachable
            }
        }

        private func sample() async throws -> EngineSample {
            guard let scheme = ["http://", "https://"].first(where: source.hasPrefix) else {
                let body = try Surroundings.read(source)
                return try EngineProfile.read(body, contentType: nil, as: EngineProfile.all).sample
            }
            let transport = HTTPTransport()
            defer { transport.shutdown() }
            let host = source.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" }
            let path = source.dropFirst(scheme.count + host.count)
            var settings = EngineCollectorSettings()
            settings.metricsPath = path.isEmpty || path == "/" ? nil : String(path)
            settings.healthPath = nil
            settings.timeout = .seconds(timeout)
            let target = EngineTarget(id: ReplicaID(rawValue: source), endpoint: scheme + host)
            let reading = await EngineCollector(transport: transport, settings: settings)
                .read([target], at: Surroundings.now())[0]
            guard let sample = reading.sample else { throw CollectorError(reading.error ?? "\(source): no answer") }
            return sample
        }
    }

    struct GPU: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "gpu",
            abstract: "Reads the GPUs of this host once, or a saved output of nvidia-smi.",
            discussion: "Exit status 1 when there is an error to report; what was read all the same is printed.")

        @Option(
            help: ArgumentHelp(
                "Output of nvidia-smi --query-gpu=... --format=csv; - for standard input.", valueName: "file"))
        var csv: String?

        @Option(help: ArgumentHelp("Output of nvidia-smi -q -x; - for standard input.", valueName: "file"))
        var xml: String?

        @Option(help: "Name or path of nvidia-smi, which is then asked instead of NVML.")
        var command: String?

        @Option(help: "Seconds to wait for the driver.")
        var timeout = 10.0

        @Flag(help: "Print every value, and how it was read.")
        var all = false

        func validate() throws {
            guard csv == nil || xml == nil else { throw ValidationError("--csv and --xml exclude each other.") }
            guard timeout > 0, timeout <= 600 else {
                throw ValidationError("--timeout must be above 0 and at most 600 seconds.")
            }
        }

        func run() async throws {
            let observation: GPUObservation
            do {
                observation = try await observe()
            } catch {
                Surroundings.printError("\(csv ?? xml ?? "-"): \(error)")
                throw ExitCode.unreachable
            }
            try Surroundings.printJSON(GPUInspection(observation, showsAll: all))
            guard observation.error == nil, !observation.absent else {
                Surroundings.printError(
                    observation.error ?? "\(command ?? "nvidia-smi"): there is no such program on this host")
                throw ExitCode.unreachable
            }
        }

        private func observe() async throws -> GPUObservation {
            let now = Surroundings.now()
            let reading: GPUReading
            if let csv {
                reading = NvidiaSMICSV.read(try Surroundings.read(csv), exitCode: 0)
            } else if let xml {
                reading = NvidiaSMIXML.read(try Surroundings.read(xml), exitCode: 0)
            } else {
                let collector = GPUCollector(
                    executable: command ?? "nvidia-smi", usesNVML: command == nil, staysOpen: false,
                    deadline: .seconds(timeout))
                return await collector.read(now: now)
            }
            return GPUObservation(
                gpus: reading.gpus, readAt: now, error: reading.error?.message, absent: false)
        }
    }

    struct Metrics: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "exposition",
            abstract: "Reads a saved body of metrics: all its series, and the lines that were skipped.",
            discussion:
                "Exit status 0 whatever the verdict is (accept, partial or refuse), 1 when there was nothing to read it from."
        )

        @Argument(help: "A file, or - for standard input.")
        var source: String

        @Flag(name: .customLong("openmetrics"), help: "Read OpenMetrics 1.0 instead of Prometheus text.")
        var isOpenMetrics = false

        func run() throws {
            let body: [UInt8]
            do {
                body = try Surroundings.read(source)
            } catch {
                Surroundings.printError("\(source): \(error)")
                throw ExitCode.unreachable
            }
            print(ExpositionInspection(body, format: isOpenMetrics ? .openMetrics : .prometheusText).json)
        }
    }
}
