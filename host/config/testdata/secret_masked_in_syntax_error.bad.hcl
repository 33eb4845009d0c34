endpoint "fast" {
  api_key = "sk-hunter2-unterminated
}
