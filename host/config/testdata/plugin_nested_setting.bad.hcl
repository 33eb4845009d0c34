provider "acme" {}

endpoint "fast" {
  provider = "acme"
  settings {
    region = "eu"
    tls {
      ca_flie = "ca.pem"
    }
    replica {
      url = "https://a.example"
    }
    replica {
      url    = "https://b.example"
      weight = "heavy"
    }
  }
}
