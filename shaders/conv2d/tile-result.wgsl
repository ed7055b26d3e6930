    // Statements: result = the sums of row r. A loop over rows with one store keeps the program short for its compiler.
    var result = sum0;
#for k in 1..ROWS
    result = select(result, sum${k}, r == ${k}u);
#endfor
