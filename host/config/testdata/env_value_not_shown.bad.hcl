provider "acme" {}

endpoint "fast" {
  provider = "acme"
  timeout  = env("ACME_TIMEOUT")
  settings {
    region = env("ACME_API_KEY")
  }
}

endpoint "reference" {
  provider = env("ACME_API_KEY")
}

route "gpt-*" {
  endpoints = [env("ACME_API_KEY")]
}
