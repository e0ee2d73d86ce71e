// Takes the arguments that the CUDA toolchain gives nvcc, and compiles with g++.

#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

#include "compile_image.h"

int main(int count, char **arguments) {
  std::string input;
  std::string output;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    if (argument == "--version") {
      // Images need the very library that they were compiled for: caches have to tell them apart.
      std::printf("nvcc: a stand-in of g++ for tests, %s\n", arguments[0]);
      return 0;
    }
    if (argument == "--list-gpu-arch") {
      std::printf("compute_80\ncompute_90\ncompute_100\n");
      return 0;
    }
    if (argument == "-o" && i + 1 < count) {
      output = arguments[++i];
    } else if (argument == "-Xptxas" || argument == "-Xcompiler" || argument == "-Werror") {
      ++i;
    } else if (argument[0] != '-') {
      input = argument;
    }
  }
  std::ifstream file(input, std::ios::binary);
  if (input.empty() || output.empty() || !file) {
    std::fprintf(stderr, "nvcc stand-in: needs a source and -o\n");
    return 2;
  }
  std::ostringstream source;
  source << file.rdbuf();
  const auto result = nnc_emulation::CompileImage(source.str(), input);
  std::fputs(result.log.c_str(), stderr);
  if (!result.succeeded) return 1;
  std::ofstream(output, std::ios::binary) << result.image;
  return 0;
}
