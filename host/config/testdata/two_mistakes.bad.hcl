provider "acme" {}

endpoint "slow" {
  provider = "acme"
  timeout  = 5
  settings {
    region = "mars"
  }
}

server {
  listn = ":1"
}
