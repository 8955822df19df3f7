import Fleet

/// A profile of the shared files: static keys, or a role taken by web identity.
///
/// Roles taken with another profile's keys, single sign-on and `credential_process` are refused by name: use them
/// through the environment instead.
struct SharedFileCredentials: AWSCredentialsSource {
    var sts: AWSQueryClient
    var surroundings: AWSSurroundings
    let name = "shared files"

    func look() async throws(DriverError) -> AWSCredentialsFinding {
        let profile = AWSProfile(surroundings: surroundings)
        let place = "profile \(profile.name) in \(profile.credentialsPath), \(profile.configPath)"
        guard profile.credentials != nil || profile.config != nil else {
            if profile.isAskedFor {
                throw .unauthorized(message: "AWS_PROFILE is \(profile.name), but there is no \(place)")
            }
            return .absent("no \(place)")
        }
        if let role = profile["role_arn"] {
            guard let tokenFile = profile["web_identity_token_file"] else { throw unsupported("role_arn", place) }
            let source = WebIdentityCredentials(sts: sts, surroundings: surroundings)
            return .found(
                try await source.exchange(tokenFile: tokenFile, role: role, session: profile["role_session_name"]))
        }
        // Keys belong together: an id of one file never goes with a secret of the other.
        for settings in [profile.credentials, profile.config] {
            guard let settings, let id = settings["aws_access_key_id"], !id.isEmpty else { continue }
            guard let secret = settings["aws_secret_access_key"], !secret.isEmpty else {
                throw .unauthorized(message: "\(place): aws_access_key_id without aws_secret_access_key")
            }
            let token = settings["aws_session_token"].flatMap { $0.isEmpty ? nil : $0 }
            return .found(AWSCredentials(accessKeyID: id, secretAccessKey: secret, sessionToken: token))
        }
        for key in ["sso_session", "sso_start_url", "credential_process"] where profile[key] != nil {
            throw unsupported(key, place)
        }
        return .absent("no aws_access_key_id for \(place)")
    }

    private func unsupported(_ key: String, _ place: String) -> DriverError {
        .unauthorized(
            message: "\(place): \(key) is not supported; give AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and "
                + "AWS_SESSION_TOKEN in the environment, or run on a machine with a role")
    }
}
