provider "echo" {}

endpoint "fast" {
  provider = echo
  model    = gpt-4o-mini
  api_key  = sk-hunter2
  stats {
    recent = True
  }
}
