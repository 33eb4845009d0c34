provider "unheard-of" {}

endpoint "fast" {
  provider = "unheard-of"
  settings { token = "hunter2" }
  retry { max = "hunter" }
}
