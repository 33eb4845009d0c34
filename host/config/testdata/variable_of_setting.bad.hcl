provider "acme" {}

endpoint "fast" {
  provider = "acme"
  settings {
    region = "eu"
    limits {}
  }
}
