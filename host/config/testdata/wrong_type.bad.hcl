provider "echo" {}

endpoint "fast" {
  provider = "echo"
  retry {
    max    = "three"
    factor = "2"
  }
  stats {
    recent = "false"
  }
}
