server {
  tenant_by = "x-team"
}
