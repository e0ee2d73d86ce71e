{
  "targets": [
    {
      "target_name": "nnc",
      "sources": [
        "addon.cc",
        "allocations.cc",
        "cpu_features.cc",
        "cuda/batches.cc",
        "cuda/device.cc",
        "cuda/device_memory.cc",
        "cuda/driver.cc",
        "cuda/engine.cc",
        "cuda/functions.cc",
        "cuda/kernels.cc",
        "cuda/machine.cc",
        "cuda/nvrtc.cc",
        "cuda/pacer.cc",
        "cuda/program_from_js.cc",
        "cuda/session.cc",
        "cuda/step_feed.cc",
        "cuda/step_graphs.cc",
        "cuda/tensor_map.cc",
        "library.cc",
        "memory.cc",
        "session.cc",
        "step_thread.cc",
        "task_thread.cc",
        "thread_pool.cc",
        "wait_word.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NAPI_CPP_EXCEPTIONS"],
      "cflags": ["-O2", "-Wall", "-Wextra"],
      "cflags!": ["-fno-exceptions"],
      "cflags_cc!": ["-fno-exceptions"],
      "cflags_cc": ["-std=c++17"],
      "conditions": [
        ["OS=='linux'", { "ldflags": ["-Wl,-Bsymbolic-functions,-s"], "libraries": ["-ldl", "-lpthread"] }],
        ["OS=='mac'", {
          "xcode_settings": {
            "GCC_ENABLE_CPP_EXCEPTIONS": "YES",
            "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
            "MACOSX_DEPLOYMENT_TARGET": "11.0"
          }
        }]
      ]
    }
  ]
}
