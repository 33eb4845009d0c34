provider "openai" {}

endpoint "missing" {
  provider = "openai"
  api_key  = file("keys/none.txt")
}

endpoint "folder" {
  provider = "openai"
  api_key  = file("keys")
}
