// Package config reads Backplane's configuration file.
//
// The file is HCL. It is read in two steps, because the settings of a provider
// and of its endpoints are declared by the plugin, and which plugins to ask
// stands in the file:
//
//	f, diags := config.Load("config.hcl", os.LookupEnv)   // the host's own blocks
//	for _, p := range f.Providers() { ... }               // find and describe the plugins
//	cfg, diags := f.Resolve(manifests)                    // the plugins' settings; all mistakes
//
// Every block, the host's own and a plugin's settings, goes through the same
// steps: the untouched HCL body becomes plain values with a place in the file
// for each, [schema.Object.Check] judges the values, and the [Diagnostics] say
// file, line and column, show the source line and say what to write instead.
// All mistakes are reported at once. Values that are sensitive, or that come
// from the environment or a file, are not shown, nor are the parts of source
// lines that hold them.
//
// Endpoints made at run time are JSON with the same names, read by
// [DecodeEndpoint].
package config
