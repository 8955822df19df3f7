import Fleet
import Policy

/// What is exported of the agent itself.
enum AgentMetrics {
    static let agent = MetricGroup<AgentSnapshot>(
        title: "Agent",
        metrics: [
            Metric("build_info", labels: ["version"], "The version that runs.") { [([$0.version], 1)] },
            Metric(
                "reading_success", labels: ["source", "pool", "replica"],
                "1 when the latest reading of the source succeeded, else 0; the source is engine, fleet or gpu."
            ) { agent in
                var rows: [Metric<AgentSnapshot>.Row] = []
                for pool in agent.pools {
                    let name = pool.pool.rawValue
                    if let input = pool.input { rows.append((["fleet", name, nil], input.fleet == nil ? 0 : 1)) }
                    for reading in pool.readings {
                        rows.append((["engine", name, reading.id.rawValue], reading.error == nil ? 1 : 0))
                    }
                }
                if let gpus = agent.gpus, !gpus.absent {
                    rows.append((["gpu", nil, nil], gpus.error == nil ? 1 : 0))
                }
                return rows
            },
            Metric(
                "reading_duration_seconds", labels: ["source", "pool", "replica"],
                "How long the latest reading of the source took."
            ) { agent in
                var rows: [Metric<AgentSnapshot>.Row] = []
                for pool in agent.pools {
                    for reading in pool.readings {
                        rows.append((["engine", pool.pool.rawValue, reading.id.rawValue], reading.took?.seconds))
                    }
                }
                rows.append((["gpu", nil, nil], agent.gpus?.took?.seconds))
                return rows
            },
            Metric(
                "nvidia_smi_exit_code",
                "Exit code of the latest nvidia-smi; absent with NVML, and while one runs on or did not end."
            ) { $0.gpus?.exitCode.map(Double.init) },
        ])

    static let process = MetricGroup<ProcessSnapshot>(
        title: "Process",
        metrics: [
            Metric("process_cpu_seconds_total", "User and system CPU time spent.") {
                $0.cpuSeconds
            },
            Metric("process_resident_memory_bytes", "Resident memory.") { $0.residentBytes },
            Metric("process_open_fds", "Open file descriptors.") { $0.openFiles },
            Metric("process_start_time_seconds", "When the process started, in Unix time.") {
                $0.startTime?.secondsSince1970
            },
        ])
}
