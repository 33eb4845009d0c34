provider "acme" {}

endpoint "with-block" {
  provider = "acme"
  settings {
    retries = 2
  }
}

endpoint "without-block" {
  provider = "acme"
}
