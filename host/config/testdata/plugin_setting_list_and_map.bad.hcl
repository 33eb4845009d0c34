provider "acme" {}

endpoint "fast" {
  provider = "acme"
  settings {
    region  = "eu"
    tags    = ["a", 2]
    headers = {
      x-team   = "core"
      "x-size" = 3
    }
  }
}
