{
  "variables": { "sanitize%": "", "portable%": 0 },
  "targets": [
    {
      "target_name": "kcpgate",
      "conditions": [
        ["OS=='linux'", {
          "sources": [
            "src/addon.cc",
            "src/aead-binding.cc",
            "src/aead-key-table.cc",
            "src/aead-library.cc",
            "src/linux/address-table.cc",
            "src/linux/error-queue.cc",
            "src/linux/ip-address.cc",
            "src/linux/linux-datagram-socket.cc",
            "src/linux/path-probe.cc",
            "src/linux/receiver.cc",
            "src/linux/send-queue.cc",
            "src/linux/sender.cc",
            "src/linux/socket-setup.cc",
            "src/linux/steering.cc",
            "src/udp-binding.cc",
            "src/udp-environment.cc",
            "src/udp-socket.cc",
          ],
          "defines": ["NAPI_VERSION=8"],
          "cflags_cc!": ["-std=gnu++17", "-fno-rtti"],
          "cflags_cc": ["-std=c++20", "-O3", "-fvisibility=hidden", "-Wall", "-Wextra", "-Wshadow"],
          "conditions": [
            ["portable==1", { "sources": ["src/portable.cc"] }],
            ["sanitize!=''", {
              "cflags_cc": ["-fsanitize=<(sanitize)", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g", "-O1"],
              # Node unloads the addon with its last thread; reports at the end of the process name its functions still.
              "ldflags": ["-fsanitize=<(sanitize)", "-Wl,-z,nodelete"],
            }],
          ],
        }, { "type": "none" }],
      ],
    },
  ],
}
