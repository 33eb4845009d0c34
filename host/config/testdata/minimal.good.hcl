provider "echo" {}

endpoint "fast" {
  provider = "echo"
}
