package import Admission
package import Fleet

/// The gateway of this process: where clients come in, which pool serves which model, and what one may take.
package struct GatewayConfig: Hashable, Sendable {
    /// At least one.
    package var listeners: [GatewayListener] = []
    /// The file of the keys' hashes; `nil`: everybody may come in.
    package var keyFile: String?
    /// What goes to the engines as `Authorization`, instead of the clients' own.
    package var engineAuthorization: Secret?
    /// Whom to ask about replicas; `nil` where this process knows them itself, or they are fixed.
    package var controller: GatewayControllerAddress?
    package var admission = AdmissionSettings(models: [:])
    /// Pools whose slots the file names; others take what the controller knows of their replicas.
    package var poolsWithSlots: Set<PoolID> = []
    /// The replicas of a gateway without a controller.
    package var endpoints: [PoolID: [String]] = [:]
    package var limits = GatewayLimits()
    package var drain: Duration = .seconds(60)
}

package struct GatewayListener: Hashable, Sendable {
    package enum Address: Hashable, Sendable {
        case tcp(ListenAddress)
        case unix(path: String)
    }

    package var address: Address
    package var tls: TLSFiles?
    /// Address blocks such as `10.0.0.0/8`; empty: everybody may connect.
    package var allow: [String] = []
    package var needsKey = true

    package struct TLSFiles: Hashable, Sendable {
        package var certificate: String
        package var key: String
    }
}

package struct GatewayControllerAddress: Hashable, Sendable {
    /// Such as `http://10.0.0.5:9839`.
    package var url: String
    package var token: Secret?
}

/// What one client may take.
package struct GatewayLimits: Hashable, Sendable {
    package var connections = 10_000
    package var bodyBytes = 64 << 20
    /// How much of a body is read before its request goes on, and while it is held.
    package var heldBodyBytes = 1 << 20
    package var headTime: Duration = .seconds(15)
    package var idleTime: Duration = .seconds(75)
    package var unreadTime: Duration = .seconds(60)
    /// Without a byte from a replica that works on a request.
    package var silentTime: Duration = .seconds(600)
}
