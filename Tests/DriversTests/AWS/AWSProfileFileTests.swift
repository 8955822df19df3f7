import Testing

@testable import Drivers

@Suite struct AWSProfileFileTests {
    static let credentials = """
        # written by hand
        [default]
        aws_access_key_id = AKIA1
        aws_secret_access_key=a/b+c=d;e#f
        [ build ]\r
        AWS_ACCESS_KEY_ID = AKIA2 # of the build
          nested = ignored
        aws_session_token = t=1
        noise
        [broken
        aws_access_key_id = AKIA9
        [default]
        region = eu-west-1
        """
    static let config = """
        [default]
        region = us-east-1
        [profile build]
        region=eu-central-1 ; note
        s3 =
          region = nested
        [profile "with space"]
        region = ap-south-1
        [build]
        region = wrong
        [profiles]
        region = wrong
        """

    @Test(
        arguments: [
            ("default", "aws_access_key_id", "AKIA1"), ("default", "aws_secret_access_key", "a/b+c=d;e#f"),
            ("default", "region", "eu-west-1"), ("build", "aws_access_key_id", "AKIA2"),
            ("build", "aws_session_token", "t=1"), ("build", "nested", nil), ("none", "region", nil),
        ] as [(String, String, String?)])
    func `credentials files are read`(_ profile: String, _ key: String, _ value: String?) {
        #expect(AWSProfileFile(Self.credentials, kind: .credentials)[profile]?[key] == value)
    }

    @Test(
        arguments: [
            ("default", "us-east-1"), ("build", "eu-central-1"), ("with space", "ap-south-1"), ("s", nil),
        ] as [(String, String?)])
    func `config files name profiles with a word before`(_ profile: String, _ region: String?) {
        #expect(AWSProfileFile(Self.config, kind: .config)[profile]?["region"] == region)
    }

    @Test func `a profile without settings is there`() {
        let file = AWSProfileFile("[empty]\n[other]\n", kind: .credentials)
        #expect(file["empty"] == [:])
        #expect(file["absent"] == nil)
    }
}
