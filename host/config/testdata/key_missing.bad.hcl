provider "acme" {}

provider "openai" {}

endpoint "none" {
  provider = "openai"
}

endpoint "empty" {
  provider = "acme"
  api_key  = ""
  settings {
    region = "eu"
  }
}
