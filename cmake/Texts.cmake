# Makes a C source of a folder's files: cmake -DFOLDER=… -DFILES=GLOBS -DWHOLE=ON|OFF -DNAME=… -DOUT=… -P
# Texts.cmake. WHOLE: they are called by their whole names, not without their endings.
set(files)
foreach(glob ${FILES})
  file(GLOB found ${FOLDER}/${glob})
  list(APPEND files ${found})
endforeach()
list(SORT files)
set(bodies)
set(rows)
set(n 0)
foreach(file ${files})
  cmake_path(GET file STEM name)
  if(WHOLE)
    cmake_path(GET file FILENAME name)
  endif()
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(APPEND bodies "static const unsigned char text_${n}[] = {${bytes}0};\n")
  string(APPEND rows "    {\"${name}\", (const char *)text_${n}, sizeof(text_${n}) - 1},\n")
  math(EXPR n "${n} + 1")
endforeach()
file(WRITE ${OUT}
  "#include \"runtime/base/embedded.h\"\n\n${bodies}\n"
  "extern const struct embedded ${NAME}[];\n"
  "const struct embedded ${NAME}[] = {\n${rows}    {0},\n};\n")
