package import Fleet

/// What an `AutoScalingGroupDriver` needs to know.
package struct AutoScalingGroupSettings: Sendable, Hashable {
    package var group: String
    package var region: String
    /// Where the engine of an instance listens, such as `http://{private_ip}:8000`. Without one, replicas have no
    /// endpoint and EC2 is not asked, so their launch time and market stay unknown too.
    package var endpointTemplate: String?
    /// Where all AWS services are called instead of at their public addresses.
    package var serviceEndpoint: String?
    package var onDemandUSDPerHour: Double?
    package var spotUSDPerHour: Double?
    /// Bounds one `describe()` and one `submit(_:id:)`, all calls and retries included.
    package var deadline: Duration

    package init(
        group: String, region: String, endpointTemplate: String? = nil, serviceEndpoint: String? = nil,
        onDemandUSDPerHour: Double? = nil, spotUSDPerHour: Double? = nil, deadline: Duration = .seconds(10)
    ) {
        self.group = group
        self.region = region
        self.endpointTemplate = endpointTemplate
        self.serviceEndpoint = serviceEndpoint
        self.onDemandUSDPerHour = onDemandUSDPerHour
        self.spotUSDPerHour = spotUSDPerHour
        self.deadline = deadline
    }
}

/// A pool that is one EC2 Auto Scaling group, whose size is counted in instances.
///
/// Growing sets the group's desired capacity; removing terminates named instances and lowers it with each, replacing leaves
/// it as it is. The group must not choose victims by itself: suspend its `AZRebalance` process and give it no scaling
/// policies of its own.
package struct AutoScalingGroupDriver: FleetInventory, FleetActuator {
    private let settings: AutoScalingGroupSettings
    private let client: AWSQueryClient
    private let surroundings: AWSSurroundings

    package init(
        settings: AutoScalingGroupSettings, credentials: AWSCredentialsProvider, surroundings: AWSSurroundings
    ) {
        self.settings = settings
        self.surroundings = surroundings
        client = AWSQueryClient(
            region: settings.region,
            endpoints: AWSEndpoints(
                region: settings.region, explicit: settings.serviceEndpoint, surroundings: surroundings),
            credentials: credentials, surroundings: surroundings)
    }

    package func describe() async throws(DriverError) -> FleetState {
        let end = surroundings.uptime() + settings.deadline
        let group = try await readGroup(until: end)
        let observedAt = surroundings.now()
        let members = group.instances?.member ?? []
        let details =
            settings.endpointTemplate == nil ? [:] : try await readInstances(members.map(\.id), until: end)
        let notices = await readNotices(details.values.filter { $0.lifecycle == "spot" }.map(\.id), until: end)
        // What cannot be read of a shortage is not known of it; the fleet is.
        return FleetState(
            observedAt: observedAt, desired: group.desired, minimum: group.minimum, maximum: group.maximum,
            shortage: try? await shortage(of: group, until: end),
            replicas: members.map { replica($0, details[$0.id], leavesAt: notices[$0.id]) })
    }

    package func submit(_ action: ScalingAction, id: ActionID) async throws(DriverError) -> Receipt {
        let end = surroundings.uptime() + settings.deadline
        switch action {
        case .grow(let target, _): return try await grow(to: target, until: end)
        case .remove(let ids, _): return try await terminate(ids, keepingSize: false, until: end)
        case .replace(let ids, _): return try await terminate(ids, keepingSize: true, until: end)
        case .withdraw(let target, _): return try await withdraw(to: target, until: end)
        }
    }
}

// MARK: - Actions

extension AutoScalingGroupDriver {
    /// Only ever raises the desired capacity: a group that is already that large is left alone, and so is one that
    /// fails to launch what it already wants.
    private func grow(to target: Int, until end: Duration) async throws(DriverError) -> Receipt {
        let group = try await readGroup(until: end)
        guard target > group.desired else { return Receipt() }
        guard target <= group.maximum else {
            throw .rejected(message: "\(place): asked for \(target) instances, MaxSize is \(group.maximum)")
        }
        if let shortage = try await shortage(of: group, until: end) { throw shortage }
        return try await setDesired(target, until: end)
    }

    /// Lowers the desired capacity, and not below the instances that are there: the group would choose whom to terminate.
    ///
    /// One that comes between the look at the group and the call may still be in the way; that is milliseconds of minutes.
    private func withdraw(to target: Int, until end: Duration) async throws(DriverError) -> Receipt {
        let group = try await readGroup(until: end)
        let size = max(target, present(in: group), group.minimum)
        return size < group.desired ? try await setDesired(size, until: end) : Receipt()
    }

    private func setDesired(_ size: Int, until end: Duration) async throws(DriverError) -> Receipt {
        let call = AWSQueryCall(.autoscaling, "SetDesiredCapacity", .writes)
            .with("AutoScalingGroupName", settings.group)
            .with("DesiredCapacity", size)
            .with("HonorCooldown", false)
        let answer = try await client.answer(to: call, as: BareAnswer.self, until: end)
        return Receipt(reference: answer.metadata.requestID)
    }

    private func present(in group: AutoScalingGroup) -> Int {
        (group.instances?.member ?? []).count { !AutoScalingLifecycle.leaves($0.lifecycleState ?? "") }
    }

    /// `noCapacity` when instances are missing and the group's newest activity failed for want of capacity: the group
    /// goes on trying by itself, and wanting more would be spent late or never.
    private func shortage(
        of group: AutoScalingGroup, until end: Duration
    ) async throws(DriverError) -> DriverError? {
        let present = present(in: group)
        guard present < group.desired else { return nil }
        let call = AWSQueryCall(.autoscaling, "DescribeScalingActivities", .reads)
            .with("AutoScalingGroupName", settings.group)
            .with("MaxRecords", 1)
        let newest: DescribeScalingActivitiesAnswer.Activity?
        do {
            newest = try await client.answer(to: call, as: DescribeScalingActivitiesAnswer.self, until: end)
                .result.activities.member?.first
        } catch .unauthorized {
            return nil  // Not every policy grants it, and growing does not depend on it.
        }
        guard newest?.status == "Failed", let shortage = newest?.message.flatMap(AWSCapacityText.init) else {
            return nil
        }
        return .noCapacity(
            market: AWSCapacityText.market(shortage.text),
            zone: AWSCapacityText.zone(shortage.text, in: settings.region),
            message: "\(place): \(present) of \(group.desired) instances are there: \(shortage.text)")
    }

    /// Terminates one instance after the other and stops at the first error.
    ///
    /// Asking twice for the same instances is safe, because the group is read first and those that are gone or going are
    /// skipped. Once one has been terminated, any error is `outcomeUnknown`: something was changed.
    ///
    /// - Parameter keepingSize: the group launches another for each.
    private func terminate(
        _ ids: [ReplicaID], keepingSize: Bool, until end: Duration
    ) async throws(DriverError) -> Receipt {
        let group = try await readGroup(until: end)
        var plan = try removalPlan(ids, in: group, keepingSize: keepingSize)
        var activities: [String] = []
        for (done, id) in plan.victims.enumerated() {
            let call = AWSQueryCall(.autoscaling, "TerminateInstanceInAutoScalingGroup", .writes)
                .with("InstanceId", id.rawValue)
                .with("ShouldDecrementDesiredCapacity", !keepingSize)
            do {
                let answer = try await client.answer(to: call, as: TerminateInstanceAnswer.self, until: end)
                if let activity = answer.result.activity?.id { activities.append(activity) }
            } catch .rejected(let message) where message.lowercased().contains("instance id not found") {
                plan.alreadyGone.append(id)
            } catch {
                if done == 0 { throw error }
                let rest = plan.victims[done...].map(\.rawValue).joined(separator: ", ")
                throw .outcomeUnknown(message: "terminated \(done) of \(plan.victims.count), left \(rest): \(error)")
            }
        }
        return Receipt(
            reference: activities.isEmpty ? nil : activities.joined(separator: ","), alreadyGone: plan.alreadyGone)
    }

    /// Which of `ids` to terminate; each appears once, in the order given.
    private func removalPlan(
        _ ids: [ReplicaID], in group: AutoScalingGroup, keepingSize: Bool
    ) throws(DriverError) -> (victims: [ReplicaID], alreadyGone: [ReplicaID]) {
        var states: [String: String] = [:]
        for member in group.instances?.member ?? [] { states[member.id] = member.lifecycleState ?? "" }
        var victims: [ReplicaID] = []
        var alreadyGone: [ReplicaID] = []
        for id in ids where !victims.contains(id) && !alreadyGone.contains(id) {
            guard id.rawValue.hasPrefix("i-") else {
                throw .rejected(message: "\(place): \(id) is no instance id")
            }
            if let state = states[id.rawValue], let why = AutoScalingLifecycle.refusal(state) {
                throw .rejected(message: "\(place): \(id) is \(state): \(why)")
            }
            if let state = states[id.rawValue], !AutoScalingLifecycle.leaves(state) {
                victims.append(id)
            } else {
                alreadyGone.append(id)
            }
        }
        if !victims.isEmpty, !keepingSize, group.desired - victims.count < group.minimum {
            throw .rejected(
                message: "\(place): terminating \(victims.count) of \(group.desired) instances would go below "
                    + "MinSize \(group.minimum)")
        }
        return (victims, alreadyGone)
    }
}

// MARK: - Reading

extension AutoScalingGroupDriver {
    /// More pages than this are not read; one group has at most a few.
    private static let maximumPages = 20
    /// EC2 takes up to 200 values in one filter.
    private static let instancesPerCall = 100

    private var place: String { "Auto Scaling group \(settings.group) in \(settings.region)" }

    private func readGroup(until end: Duration) async throws(DriverError) -> AutoScalingGroup {
        var token: String?
        for _ in 0..<Self.maximumPages {
            let call = AWSQueryCall(.autoscaling, "DescribeAutoScalingGroups", .reads)
                .with(list: "AutoScalingGroupNames.member", [settings.group])
                .with("NextToken", token)
            let page = try await client.answer(to: call, as: DescribeAutoScalingGroupsAnswer.self, until: end).result
            if let group = page.groups.member?.first(where: { $0.name == settings.group }) { return group }
            guard let next = page.nextToken, !next.isEmpty else {
                throw .rejected(message: "there is no \(place), or these credentials belong to another account")
            }
            token = next
        }
        throw .unreachable(message: "\(place): not found within \(Self.maximumPages) pages")
    }

    /// What EC2 knows about the instances, by id. Asked by filter: one unknown id among ids would fail the whole call,
    /// and EC2 learns of an instance some seconds after its group.
    private func readInstances(_ ids: [String], until end: Duration) async throws(DriverError) -> [String: EC2Instance]
    {
        var found: [String: EC2Instance] = [:]
        for start in stride(from: 0, to: ids.count, by: Self.instancesPerCall) {
            let chunk = Array(ids[start..<min(start + Self.instancesPerCall, ids.count)])
            var token: String?
            var pages = 0
            repeat {
                pages += 1
                guard pages <= Self.maximumPages else {
                    throw .unreachable(message: "\(place): EC2 did not end within \(Self.maximumPages) pages")
                }
                let call = AWSQueryCall(.ec2, "DescribeInstances", .reads)
                    .with("Filter.1.Name", "instance-id")
                    .with(list: "Filter.1.Value", chunk)
                    .with("NextToken", token)
                let page = try await client.answer(to: call, as: DescribeInstancesAnswer.self, until: end)
                for instance in (page.reservations.item ?? []).flatMap({ $0.instances?.item ?? [] }) {
                    found[instance.id] = instance
                }
                token = page.nextToken.flatMap { $0.isEmpty ? nil : $0 }
            } while token != nil
        }
        return found
    }

    /// When spot instances are taken away, by id, of those that have been told: two minutes ahead, in the status of the
    /// request that each came by. What cannot be read is as good as no notice; the group then replaces them late.
    private func readNotices(_ ids: [String], until end: Duration) async -> [String: Timestamp] {
        var notices: [String: Timestamp] = [:]
        for start in stride(from: 0, to: ids.count, by: Self.instancesPerCall) {
            let call = AWSQueryCall(.ec2, "DescribeSpotInstanceRequests", .reads)
                .with("Filter.1.Name", "status-code")
                .with(list: "Filter.1.Value", ["marked-for-termination", "marked-for-stop"])
                .with("Filter.2.Name", "instance-id")
                .with(list: "Filter.2.Value", Array(ids[start..<min(start + Self.instancesPerCall, ids.count)]))
            let answer = try? await client.answer(to: call, as: DescribeSpotInstanceRequestsAnswer.self, until: end)
            for request in answer?.requests.item ?? [] {
                guard let id = request.instance, let told = request.status?.updateTime.flatMap(AWSTime.rfc3339) else {
                    continue
                }
                notices[id] = told + .seconds(120)
            }
        }
        return notices
    }

    private func replica(
        _ member: AutoScalingGroup.Instance, _ detail: EC2Instance?, leavesAt: Timestamp?
    ) -> Replica {
        let market: Market = detail?.lifecycle == "spot" ? .spot : .onDemand
        return Replica(
            id: ReplicaID(rawValue: member.id),
            state: AutoScalingLifecycle.state(member.lifecycleState, health: member.health),
            launchedAt: detail?.launchTime.flatMap(AWSTime.rfc3339), market: market,
            usdPerHour: market == .spot ? settings.spotUSDPerHour : settings.onDemandUSDPerHour,
            endpoint: detail?.privateIP.flatMap(endpoint), zone: member.zone, leavesAt: leavesAt)
    }

    private func endpoint(privateIP: String) -> String? {
        guard !privateIP.isEmpty else { return nil }
        return settings.endpointTemplate?.replacing("{private_ip}", with: privateIP)
    }
}
