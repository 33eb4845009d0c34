provider "echo" {}

endpoint "fast" {
  provider = "echo"
}

endpoint "fast" {
  provider = "echo"
  modle    = "echo-2"
}
