provider "echo" {}

endpoint "fast" {
  provider = "echo"
  timeout  = 60s
}
