{
  "variables": {
    # With GCC, inline across the engine's files: short frames then take a fifth fewer cycles. clang would need a
    # linker plugin of its own version. Fat objects have machine code too, for programs that link without this.
    "lto": "<!(${CXX:-g++} --version | grep -q 'Free Software' && echo -flto=auto -ffat-lto-objects || true)"
  },
  "target_defaults": {
    "cflags_cc!": ["-fno-rtti", "-fno-exceptions", "-std=gnu++17", "-std=gnu++20"],
    "cflags_cc": ["-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden"],
    "ldflags": ["-static-libstdc++", "-Wl,--exclude-libs,ALL", "-Wl,--gc-sections"],
    "include_dirs": ["."]
  },
  "targets": [
    {
      "target_name": "engine",
      "type": "static_library",
      "cflags_cc": ["-fPIC", "<@(lto)"],
      "sources": [
        "engine/capture/bpf.cc",
        "engine/capture/capture.cc",
        "engine/capture/captures.cc",
        "engine/capture/output.cc",
        "engine/capture/pcapng.cc",
        "engine/offload/coalescer.cc",
        "engine/endpoints/addressed.cc",
        "engine/endpoints/datagram.cc",
        "engine/endpoints/stream.cc",
        "engine/endpoints/tap.cc",
        "engine/endpoints/vhost_user.cc",
        "engine/events.cc",
        "engine/frame_queue.cc",
        "engine/offload/ip.cc",
        "engine/loop.cc",
        "engine/loop_calls.cc",
        "engine/loop_events.cc",
        "engine/mac_table.cc",
        "engine/mirror.cc",
        "engine/pacing.cc",
        "engine/padding.cc",
        "engine/port.cc",
        "engine/queue_memory.cc",
        "engine/offload/segmenter.cc",
        "engine/switch.cc",
        "engine/offload/virtio_header.cc",
        "engine/vlan.cc",
        "engine/watch_set.cc",
        "vhost/back_end.cc",
        "vhost/chain.cc",
        "vhost/event_fd.cc",
        "vhost/mapping.cc",
        "vhost/memory_table.cc",
        "vhost/message_reader.cc",
        "vhost/put.cc",
        "vhost/queue.cc",
        "vhost/ring.cc",
        "vhost/sigbus_guard.cc",
        "vhost/take.cc"
      ]
    },
    {
      "target_name": "tsvde-slirp",
      "type": "executable",
      "cflags_cc": ["-fno-exceptions", "-fno-rtti"],
      "ldflags": ["-rdynamic"],
      "libraries": ["-ldl"],
      "sources": [
        "confine/landlock.cc",
        "confine/seccomp.cc",
        "slirp/config.cc",
        "slirp/confinement.cc",
        "slirp/control.cc",
        "slirp/dhcp.cc",
        "slirp/dns_relay.cc",
        "slirp/filter.cc",
        "slirp/guests.cc",
        "slirp/helper.cc",
        "slirp/interposed.cc",
        "slirp/lease_server.cc",
        "slirp/leases.cc",
        "slirp/library.cc",
        "slirp/main.cc",
        "slirp/packet.cc",
        "slirp/private_root.cc",
        "slirp/reassembly.cc",
        "slirp/relay.cc",
        "slirp/stack.cc"
      ]
    },
    {
      "target_name": "tsvde-filter",
      "type": "executable",
      "cflags_cc": ["-fno-exceptions", "-fno-rtti"],
      "ldflags": ["-rdynamic"],
      "libraries": ["-ldl"],
      "sources": ["filter/main.cc"]
    },
    {
      "target_name": "tsvde",
      "dependencies": ["engine"],
      "defines": [
        "NAPI_VERSION=8",
        "TSVDE_VERSION=<!(node -p \"require('../package.json').version\")",
        "NAPI_CPP_EXCEPTIONS",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"
      ],
      "cflags_cc": ["-fexceptions"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      # nodelete: the engine's threads outlive the worker that loaded the addon.
      "ldflags": ["-Wl,--version-script=<(module_root_dir)/addon/exports.map", "-Wl,-z,nodelete"],
      "sources": [
        "addon/accounts.cc",
        "addon/addon.cc",
        "addon/daemon.cc",
        "addon/datagrams.cc",
        "addon/engine_values.cc",
        "addon/engine_wrap.cc",
        "addon/exec.cc",
        "addon/exit.cc",
        "addon/frame_socket.cc",
        "addon/privileges.cc",
        "addon/sockets.cc",
        "addon/terminal.cc",
        "confine/every_thread.cc",
      ]
    }
  ]
}
