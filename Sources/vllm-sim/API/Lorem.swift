/// The text of generated tokens: one word each, the same words in every generation.
enum Lorem {
    private static let words =
        ("lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore "
        + "magna aliqua ut enim ad minim veniam quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea "
        + "commodo consequat").split(separator: " ").map { " " + $0 }

    static func text(_ tokens: Range<Int>) -> String {
        tokens.map { words[$0 % words.count] }.joined()
    }
}
