#pragma once

#include <functional>
#include <memory>

#include "sim/engine/memory.h"

namespace flockstep {

/// The stream that a trainer works on, its own on a GPU. On the CPU it does nothing.
class Lane {
  public:
    /// Throws std::invalid_argument for a GPU where LibTorch is built for the CPU alone.
    explicit Lane(Device device);
    ~Lane();
    Device device() const { return device_; }
    Stream stream() const;

    /// Makes the stream LibTorch's current one for as long as it lives.
    class Scope {
      public:
        explicit Scope(const Lane& lane);
        ~Scope();

      private:
        struct Guard;
        std::unique_ptr<Guard> guard_;
    };

  private:
    friend class Graph;
    struct Impl;
    Device device_;
    std::unique_ptr<Impl> impl_;
};

/// A fixed sequence of kernels. On a GPU the first run captures it as a CUDA graph and every run replays that:
/// pointers, sizes and plain arguments are those of the capture, so what changes must be read on the device. On the
/// CPU, or where graphs are switched off, every run does the work.
class Graph {
  public:
    explicit Graph(bool captures = true);
    ~Graph();
    /// To be called within a Lane::Scope. Everything the work needs must have run once before (libraries allocate and
    /// load kernels when they are first used). Does not wait.
    void run(const Lane& lane, const std::function<void()>& work);

  private:
    struct Impl;
    bool captures_;
    std::unique_ptr<Impl> impl_;
};

}  // namespace flockstep
