provider "echo" {}

endpoint "fast" {
  model = "echo-1"
}

route "gpt-*" {}
