provider "echo" {}

endpoint "fast" {
  provider       = "echo"
  max_concurrent = 5
}
