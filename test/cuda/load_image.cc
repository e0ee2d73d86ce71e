#include "load_image.h"

#include <dlfcn.h>
#include <elf.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "compile_image.h"

namespace nnc_emulation {
namespace {

// A driver is not told how long an image is; a shared object ends with the table of its sections.
size_t BytesOf(const char *object) {
  Elf64_Ehdr header;
  std::memcpy(&header, object, sizeof header);
  return header.e_shoff + size_t{header.e_shentsize} * header.e_shnum;
}

}  // namespace

Image *Image::Load(const void *bytes, std::string *error) {
  const char *text = static_cast<const char *>(bytes);
  const size_t prefix = std::strlen(kImagePrefix);
  if (std::strncmp(text, kImagePrefix, prefix) != 0) {
    *error = "not an image of the emulation";
    return nullptr;
  }
  const char *object = text + prefix;
  if (std::memcmp(object, ELFMAG, SELFMAG) != 0) {
    *error = "an image without a shared object";
    return nullptr;
  }
  const char *base = std::getenv("TMPDIR");
  std::string path = std::string(base == nullptr ? "/tmp" : base) + "/nnc-image-XXXXXX";
  const int file = mkstemp(path.data());
  size_t left = BytesOf(object);
  while (file >= 0 && left > 0) {
    const ssize_t written = write(file, object, left);
    if (written <= 0) break;
    object += written;
    left -= static_cast<size_t>(written);
  }
  close(file);
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) *error = dlerror();
  unlink(path.c_str());
  if (library == nullptr) return nullptr;
  const auto *kernels = static_cast<const NncKernel *>(dlsym(library, "nnc_kernels"));
  return new Image(library, kernels);
}

Image::~Image() { dlclose(library_); }

const NncKernel *Image::Find(const std::string &name) const {
  for (const NncKernel *kernel = kernels_; kernel->name != nullptr; ++kernel) {
    if (name == kernel->name) return kernel;
  }
  return nullptr;
}

}  // namespace nnc_emulation
