// Package managed runs the server that a provider talks to, if the operator asks
// for it: as a local process, or as a container through the Docker Engine API.
// Without being asked it only watches a server that runs by itself. The readers
// are the authors of plugins for servers that people run themselves.
//
// [New] wraps a provider: it adds the settings block "server" and the operations
// server.start, server.stop, server.restart, server.status and server.logs, and
// makes calls wait while the server loads its model.
//
// # Who owns a server
//
// Endpoints with the same settings share one server. So do two processes of the
// plugin, as there are while it is replaced: each holds a lease, a lock on a
// file in a directory that only this user can read, and the operating system
// gives leases back whose process is gone, however it ended.
//
//   - A local process is the child of a keeper, a second process of the plugin's
//     own binary, see [Keep]. The keeper collects what the server prints and ends
//     it, with all processes that it started, once nobody holds a lease: at once
//     if the last was given back, after three seconds if its holder died, so that
//     a plugin that crashed finds its server again.
//   - A container belongs to the Docker Engine and is found again by its labels.
//     Who gives back the last lease stops and removes it. A plugin that was
//     killed cannot do so: its container goes on, and the next start of the
//     plugin takes it over.
//
// A server that answers at the address and was started by somebody else is used
// as it is and never stopped.
package managed
