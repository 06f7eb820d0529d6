# A room is a folder of sources: one static library, linked along the arrows of the architecture.
#
#   lbc_room(runtime/net SEES runtime/event LIBS Threads::Threads)
#
# Its *.re go through re2c and its *.y through lemon, into the build tree, with dependency files.
# TEXTS names a folder in it whose texts become an array in the program, and EMBEDS are globs of its
# own files that do (Texts.cmake).
find_program(RE2C re2c REQUIRED)
find_program(LEMON lemon REQUIRED)
find_file(LEMON_TEMPLATE lempar.c PATHS /usr/share/lemon /usr/local/share/lemon REQUIRED)

set(LBC_GENERATED_DIR ${PROJECT_BINARY_DIR}/generated)

function(lbc_re2c out source)
  cmake_path(GET source STEM stem)
  cmake_path(GET source PARENT_PATH folder)
  cmake_path(RELATIVE_PATH folder BASE_DIRECTORY ${PROJECT_SOURCE_DIR})
  set(made ${LBC_GENERATED_DIR}/${folder}/${stem}.re.c)
  file(MAKE_DIRECTORY ${LBC_GENERATED_DIR}/${folder})
  add_custom_command(
    OUTPUT ${made}
    COMMAND ${RE2C} --bit-vectors --computed-gotos -W -Werror -Wno-undefined-control-flow
            -Wno-nondeterministic-tags
            --depfile ${made}.d -o ${made} ${source}
    DEPENDS ${source}
    DEPFILE ${made}.d
    COMMENT "re2c ${folder}/${stem}.re" VERBATIM)
  set(${out} ${made} PARENT_SCOPE)
endfunction()

function(lbc_lemon out source)
  cmake_path(GET source STEM stem)
  cmake_path(GET source PARENT_PATH folder)
  cmake_path(RELATIVE_PATH folder BASE_DIRECTORY ${PROJECT_SOURCE_DIR})
  set(made ${LBC_GENERATED_DIR}/${folder}/${stem}.c)
  file(MAKE_DIRECTORY ${LBC_GENERATED_DIR}/${folder})
  add_custom_command(
    OUTPUT ${made} ${LBC_GENERATED_DIR}/${folder}/${stem}.h
    COMMAND ${LEMON} -q -l -T${LEMON_TEMPLATE} -d${LBC_GENERATED_DIR}/${folder} ${source}
    DEPENDS ${source} ${LEMON_TEMPLATE}
    COMMENT "lemon ${folder}/${stem}.y" VERBATIM)
  set(${out} ${made} PARENT_SCOPE)
endfunction()

# The files of a folder that match one of the globs.
function(lbc_texts out folder name whole)
  set(globs ${ARGN})
  list(TRANSFORM globs PREPEND ${PROJECT_SOURCE_DIR}/${folder}/ OUTPUT_VARIABLE places)
  file(GLOB files CONFIGURE_DEPENDS ${places})
  set(made ${LBC_GENERATED_DIR}/${folder}.texts.c)
  set(script ${PROJECT_SOURCE_DIR}/cmake/Texts.cmake)
  add_custom_command(
    OUTPUT ${made}
    COMMAND ${CMAKE_COMMAND} -DFOLDER=${PROJECT_SOURCE_DIR}/${folder} "-DFILES=${globs}" -DWHOLE=${whole}
            -DNAME=${name} -DOUT=${made} -P ${script}
    DEPENDS ${files} ${script}
    COMMENT "texts of ${folder}" VERBATIM)
  set(${out} ${made} PARENT_SCOPE)
endfunction()

function(lbc_room folder)
  cmake_parse_arguments(ROOM "" "TEXTS" "SEES;LIBS;EMBEDS" ${ARGN})
  string(REPLACE "/" "_" name ${folder})
  set(here ${PROJECT_SOURCE_DIR}/${folder})
  file(GLOB sources CONFIGURE_DEPENDS ${here}/*.c)
  file(GLOB lexers CONFIGURE_DEPENDS ${here}/*.re)
  file(GLOB parsers CONFIGURE_DEPENDS ${here}/*.y)

  set(generated)
  foreach(lexer ${lexers})
    lbc_re2c(made ${lexer})
    list(APPEND generated ${made})
  endforeach()
  foreach(parser ${parsers})
    lbc_lemon(made ${parser})
    list(APPEND generated ${made})
  endforeach()
  if(ROOM_TEXTS)
    lbc_texts(made ${folder}/${ROOM_TEXTS} ${name}_${ROOM_TEXTS} OFF "[A-Z][0-9]*.md")
    list(APPEND generated ${made})
  endif()
  if(ROOM_EMBEDS)
    lbc_texts(made ${folder} ${name}_files ON ${ROOM_EMBEDS})
    list(APPEND generated ${made})
  endif()

  list(TRANSFORM ROOM_SEES REPLACE "/" "_")
  if(NOT sources AND NOT generated)
    add_library(${name} INTERFACE)
    set(scope INTERFACE)
  elseif(folder STREQUAL "runtime/daemon")
    add_library(${name} OBJECT ${sources})
    set(scope PUBLIC)
  else()
    add_library(${name} STATIC ${sources} ${generated})
    set(scope PUBLIC)
  endif()
  target_include_directories(${name} ${scope} ${PROJECT_SOURCE_DIR} ${LBC_GENERATED_DIR})
  target_link_libraries(${name} ${scope} ${ROOM_SEES} ${ROOM_LIBS})
  if(scope STREQUAL "PUBLIC")
    target_compile_options(${name} PRIVATE -fvisibility=hidden -ffunction-sections -fdata-sections)
    set_source_files_properties(${sources} PROPERTIES COMPILE_OPTIONS "${LBC_WARNINGS}")
    set_source_files_properties(${generated} PROPERTIES COMPILE_OPTIONS "${LBC_GENERATED_WARNINGS}")
    if(parsers)
      # Sources that include the generated token numbers must wait for lemon.
      foreach(made ${generated})
        string(REGEX REPLACE "\\.c$" ".h" header ${made})
        if(NOT made MATCHES "\\.(re|texts)\\.c$")
          set_property(SOURCE ${sources} ${generated} APPEND PROPERTY OBJECT_DEPENDS ${header})
        endif()
      endforeach()
    endif()
  endif()
  set_property(GLOBAL APPEND PROPERTY LBC_ROOMS ${name})
endfunction()
