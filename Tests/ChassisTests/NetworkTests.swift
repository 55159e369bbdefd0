import HTTPTypes
import NIOCore
import Testing

@testable import Chassis

@Suite struct `Addresses and networks` {
    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"),
        ("::", "::"),
        ("::1", "::1"), ("2001:DB8::1", "2001:db8::1"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1::", "1::"), ("::ffff:192.0.2.1", "192.0.2.1"),
        ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
    ]) func `are read and written in the usual form`(text: String, expected: String) {
        #expect(IPAddress(text)?.description == expected)
    }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.", ".1.2.3",
        "1..2.3",
        ":", ":1", "1:", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "g::",
        "1:2:3:4:5:6:7:8::",
        "::1%eth0", "[::1]", "1.2.3.4:80", "::1.2.3", "1:2:3:4:5:6:7:1.2.3.4", "0x1.2.3.4", "١.2.3.4",
    ]) func `are refused when malformed`(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.1.2", true), ("10.0.0.0/8", "11.0.0.0", false), ("0.0.0.0/0", "1.2.3.4", true),
        ("0.0.0.0/0", "::1", false), ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
        ("192.0.2.0/31", "192.0.2.1", true), ("2001:db8::/32", "2001:db8:ffff::1", true),
        ("2001:db8::/32", "2001:db9::", false), ("::/0", "2001::1", true), ("::/0", "1.2.3.4", false),
        ("::1/128", "::1", true), ("10.0.0.0/8", "::ffff:10.1.1.1", true),
    ]) func `contain what they should`(network: String, address: String, expected: Bool) throws {
        let network = try #require(Network(network))
        #expect(network.contains(try #require(IPAddress(address))) == expected)
    }

    @Test(arguments: [
        "10.0.0.1/8", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/+8", "10.0.0.0/8/8",
        "/8", "",
    ]) func `in malformed notation are refused`(text: String) {
        #expect(Network(text) == nil)
    }

    @Test func `are read from sockets`() throws {
        #expect(IPAddress(try SocketAddress(ipAddress: "192.0.2.7", port: 1))?.description == "192.0.2.7")
        #expect(IPAddress(try SocketAddress(ipAddress: "2001:db8::7", port: 1))?.description == "2001:db8::7")
        #expect(IPAddress(try SocketAddress(unixDomainSocketPath: "/tmp/s")) == nil)
    }
}

@Suite struct `The client's address` {
    private let proxies = ["10.0.0.0/8", "fd00::/8"].compactMap(Network.init)

    private func resolve(_ peer: String, _ forwarded: [String]) -> String {
        var headers = HTTPFields()
        for value in forwarded { headers.append(HTTPField(name: .xForwardedFor, value: value)) }
        return ClientAddress(peer: IPAddress(peer), headers: headers, trusting: proxies).description
    }

    @Test(arguments: [
        ("192.0.2.1", ["203.0.113.9"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["198.51.100.1", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, nonsense, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["203.0.113.9:1234"], "10.0.0.1"),
        ("fd00::1", ["2001:db8::5"], "2001:db8::5"),
    ]) func `believes X-Forwarded-For only from trusted peers`(
        peer: String,
        forwarded: [String],
        expected: String
    ) {
        #expect(resolve(peer, forwarded) == expected)
    }

    @Test func `is the peer when nobody is trusted`() {
        let headers: HTTPFields = [.xForwardedFor: "203.0.113.9"]
        #expect(
            ClientAddress(peer: IPAddress("10.0.0.1"), headers: headers, trusting: []).description
                == "10.0.0.1"
        )
    }
}

@Suite struct `A public suffix` {
    @Test(arguments: [
        "com", "co.uk", "github.io", "CO.UK", ".co.uk", "co.uk.", "xn--p1ai", "рф", "foo.ck", "localhost",
        "", ".",
    ]) func `is a name that nobody owns all of`(name: String) {
        #expect(PublicSuffix.contains(name))
    }

    @Test(arguments: [
        "example.com", "example.co.uk", "breezeway.github.io", ".example.com", "www.ck", "demo.example",
        "auth.example.com",
    ]) func `is not a name that somebody registered`(name: String) {
        #expect(!PublicSuffix.contains(name))
    }
}
