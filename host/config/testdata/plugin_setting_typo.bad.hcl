provider "acme" {}

endpoint "fast" {
  provider = "acme"
  api_key  = env("ACME_API_KEY")
  settings {
    base_ulr = "https://acme.example/v1"
    region   = "eu"
  }
}
