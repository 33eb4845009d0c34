provider "openai" {}

endpoint "fast" {
  provider = "openai"
  api_key  = env("NOT_SET")
}
