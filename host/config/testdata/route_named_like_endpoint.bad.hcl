provider "echo" {}

endpoint "fast" {
  provider = "echo"
}

route "fast" {
  endpoints = ["fast"]
}
