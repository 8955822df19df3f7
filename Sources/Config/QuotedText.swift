import Fleet

func quoted(_ text: String) -> String { QuotedText.whole(text) }

func quotedBriefly(_ text: String) -> String { QuotedText.brief(text) }
