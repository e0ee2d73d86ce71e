#include "compile_image.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "emulation.h"

namespace nnc_emulation {
namespace {

struct Kernel {
  std::string name;
  std::string threads;
  // Of the line that begins its definition.
  size_t line_start;
};

size_t SkipBlanks(const std::string &text, size_t at) {
  while (at < text.size() && std::isspace(static_cast<unsigned char>(text[at])) != 0) ++at;
  return at;
}

std::string WordAt(const std::string &text, size_t at) {
  size_t end = at;
  while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 ||
                               text[end] == '_')) {
    ++end;
  }
  return text.substr(at, end - at);
}

// `__global__ void __launch_bounds__(256) name(`, in any order of what stands before the name.
std::vector<Kernel> FindKernels(const std::string &text) {
  constexpr char kMarker[] = "__global__";
  std::vector<Kernel> kernels;
  size_t at = text.find(kMarker);
  for (; at != std::string::npos; at = text.find(kMarker, at)) {
    const size_t line_break = text.rfind('\n', at);
    Kernel kernel{"", "1024", line_break == std::string::npos ? 0 : line_break + 1};
    const bool is_comment = text.compare(kernel.line_start, 2, "//") == 0;
    at += std::strlen(kMarker);
    if (is_comment) continue;
    for (;;) {
      at = SkipBlanks(text, at);
      const std::string word = WordAt(text, at);
      if (word.empty()) break;
      at = SkipBlanks(text, at + word.size());
      if (text[at] != '(') continue;
      if (word != "__launch_bounds__") {
        kernel.name = word;
        break;
      }
      const size_t close = text.find_first_of(",)", at);
      kernel.threads = text.substr(at + 1, close - at - 1);
      at = text.find(')', close) + 1;
    }
    if (!kernel.name.empty()) kernels.push_back(kernel);
  }
  return kernels;
}

std::string LineDirective(const std::string &text, size_t at, const std::string &name) {
  size_t line = 1;
  for (size_t i = 0; i < at; ++i) line += text[i] == '\n' ? 1 : 0;
  return "#line " + std::to_string(line) + " \"" + name + "\"\n";
}

// Where this library lies: headers and the library that images need are beside it.
std::string Folder() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void *>(&nnc_launch), &info) == 0) return ".";
  const std::string path = info.dli_fname;
  return path.substr(0, path.rfind('/'));
}

std::string ReadAll(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Runs a program to its end, with its output in a file.
bool RunProgram(const std::vector<std::string> &arguments, const std::string &log) {
  std::vector<char *> pointers;
  for (const std::string &argument : arguments) {
    pointers.push_back(const_cast<char *>(argument.c_str()));
  }
  pointers.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    const int file = open(log.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    execvp(pointers[0], pointers.data());
    _exit(127);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return false;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::vector<std::string> Arguments(const std::string &folder, const std::string &from,
                                   const std::string &to) {
  std::vector<std::string> arguments = {
      "g++", "-x", "c++", "-std=c++17", "-O1", "-march=native", "-shared", "-fPIC",
      // Roundings stay where they are; errors and traps of floating-point numbers are not looked at.
      "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math",
      // Kernels read memory as vectors and as single elements.
      "-fno-strict-aliasing", "-fno-exceptions", "-fno-rtti", "-fno-asynchronous-unwind-tables",
      "-fno-semantic-interposition", "-w", "-I", folder};
  const char *added = std::getenv("NNC_EMULATION_FLAGS");
  std::istringstream words(added == nullptr ? "" : added);
  for (std::string word; words >> word;) arguments.push_back(word);
  for (const std::string &last : {std::string("-o"), to, from, std::string("-x"),
                                  std::string("none"), folder + "/libnnc_emulation.so"}) {
    arguments.push_back(last);
  }
  return arguments;
}

}  // namespace

std::string ImageSource(const std::string &source, const std::string &name) {
  const std::vector<Kernel> kernels = FindKernels(source);
  std::string text = "#include \"cuda_emulation.h\"\n";
  text += LineDirective(source, 0, name);
  size_t copied = 0;
  for (const Kernel &kernel : kernels) {
    text += source.substr(copied, kernel.line_start - copied);
    text += "#undef NNC_SHARED_SECTION\n#define NNC_SHARED_SECTION \"nnc_shared_" + kernel.name +
            "\"\n" + LineDirective(source, kernel.line_start, name);
    copied = kernel.line_start;
  }
  text += source.substr(copied) + "\n";
  for (const Kernel &kernel : kernels) text += "NNC_SHARED_OF(" + kernel.name + ")\n";
  text += "extern \"C\" const NncKernel nnc_kernels[] = {\n";
  for (const Kernel &kernel : kernels) {
    text += "  NNC_KERNEL(" + kernel.name + ", " + kernel.threads + ")\n";
  }
  return text + "  {}};\n";
}

CompileResult CompileImage(const std::string &source, const std::string &name) {
  const char *base = std::getenv("TMPDIR");
  std::string folder = std::string(base == nullptr ? "/tmp" : base) + "/nnc-emulation-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return {false, "no temporary folder", ""};
  const std::string from = folder + "/image.cc";
  const std::string to = folder + "/image.so";
  const std::string log = folder + "/log";
  std::ofstream(from, std::ios::binary) << ImageSource(source, name);
  CompileResult result{RunProgram(Arguments(Folder(), from, to), log), ReadAll(log), ""};
  if (result.succeeded) result.image = kImagePrefix + ReadAll(to);
  for (const std::string &file : {from, to, log}) unlink(file.c_str());
  rmdir(folder.c_str());
  return result;
}

}  // namespace nnc_emulation
