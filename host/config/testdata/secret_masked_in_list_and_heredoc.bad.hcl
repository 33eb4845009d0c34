provider "acme" {}

endpoint "fast" {
  provider = "acme"
  api_key  = <<EOT
hunter2-heredoc
EOT
  settings {
    region   = "eu"
    password = ["hunter2", { token = "hunter2" }]
  }
}
