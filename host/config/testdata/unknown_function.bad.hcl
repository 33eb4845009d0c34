provider "openai" {}

endpoint "fast" {
  provider = "openai"
  api_key  = evn("OPENAI_API_KEY")
}

endpoint "many" {
  provider = "openai"
  api_key  = env("OPENAI_API_KEY", "a", "b")
}
