provider "openai" {}

endpoint "near" {
  provider = "opnai"
  api_key  = env("OPENAI_API_KEY")
}

endpoint "far" {
  provider = "claude"
}
