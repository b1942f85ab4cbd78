# Where Abseil's package has archives beside its shared libraries, as Debian's has, elegy's own
# programs are linked with the archives: a process that loads 30 libraries fewer starts in half the
# time. It is all archives or none, for a process must not have two copies of Abseil's state.
#
# For elegy's own build alone: a project that takes elegy in, or finds it installed, links what it
# has found. Abseil built as part of a build has no imported targets, and stays as it is.

# Sets `result` to the archive beside a shared library, or to nothing.
function(_elegy_archive_beside library result)
  string(REGEX REPLACE "\\.so[0-9.]*$" "${CMAKE_STATIC_LIBRARY_SUFFIX}" archive "${library}")
  if(archive STREQUAL library OR NOT EXISTS "${archive}")
    set(archive "")
  endif()
  set(${result} "${archive}" PARENT_SCOPE)
endfunction()

# Sets ELEGY_ABSEIL_IS_SHARED if there is a shared library without its archive.
function(elegy_use_abseil_archives)
  get_directory_property(targets IMPORTED_TARGETS)
  list(FILTER targets INCLUDE REGEX "^absl::")
  set(properties "")  # target, property, archive, target, …
  foreach(target IN LISTS targets)
    get_target_property(type ${target} TYPE)
    if(NOT type STREQUAL SHARED_LIBRARY)
      continue()
    endif()
    get_target_property(configurations ${target} IMPORTED_CONFIGURATIONS)
    foreach(configuration IN LISTS configurations)
      set(property "IMPORTED_LOCATION_${configuration}")
      get_target_property(library ${target} ${property})
      _elegy_archive_beside("${library}" archive)
      if(NOT archive)
        set(ELEGY_ABSEIL_IS_SHARED ON PARENT_SCOPE)
        return()
      endif()
      list(APPEND properties ${target} ${property} "${archive}")
    endforeach()
  endforeach()
  while(properties)
    list(POP_FRONT properties target property archive)
    set_target_properties(${target} PROPERTIES ${property} "${archive}")
  endwhile()
endfunction()
